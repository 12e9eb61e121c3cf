"""What did not arrive, and what nobody answered."""
