"""``hwkit search``: shapes of a network, by what a board measures of each."""
