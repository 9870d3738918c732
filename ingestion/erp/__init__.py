"""What the plant's business system knows: production, purchases and stocks."""
