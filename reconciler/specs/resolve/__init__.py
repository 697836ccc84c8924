"""From documents of the right shape to frozen values, and what only shows when they meet."""
