"""`impasto demo`: one real job from nothing to a picture, with inputs the project makes itself."""
