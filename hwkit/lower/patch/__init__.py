"""Networks in tiles: which part of each map is computed when, so that no map need ever be whole."""
