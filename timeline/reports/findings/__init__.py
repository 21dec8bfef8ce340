"""What reports go by: who speaks for whom, who took part, who belonged."""
