"""From a figure back to the flows, meters, readings, batches and files that it was made of."""
