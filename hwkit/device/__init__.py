"""How a board is reached: the wire protocol, serial links, the virtual board."""
