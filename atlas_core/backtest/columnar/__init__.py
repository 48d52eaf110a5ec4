"""Back-tests whose deciders all offer columns: worked out at once, and told as records when somebody asks."""
