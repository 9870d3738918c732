"""One module for each form data comes in; each turns bytes into cells of text and nothing more."""
