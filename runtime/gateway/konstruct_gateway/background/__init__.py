"""What goes on without being asked: sender, sweeper, the notice that an answer comes later."""
