"""What uploads have come to, read for the workbench's pages."""
