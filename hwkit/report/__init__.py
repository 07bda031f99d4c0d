"""Tables, plots and one HTML file from the summary of a run."""
