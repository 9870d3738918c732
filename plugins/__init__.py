"""What acts on people and on the outside."""
