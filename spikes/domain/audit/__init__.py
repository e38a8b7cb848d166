"""What operators did on the console: an entity a day, of which nothing is ever taken back."""
