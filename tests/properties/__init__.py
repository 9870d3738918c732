"""Properties of the pipeline that hold for whatever a plant sends."""
