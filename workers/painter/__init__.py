"""Pure image mathematics: images and a spec in, Steps out; the only torch in the house."""
