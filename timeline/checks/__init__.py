"""What must hold of events together, and what looks wrong among them."""
