"""What the operator pushes, and the view of it that everything else reads."""
