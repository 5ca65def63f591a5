"""Tables, sessions and migrations of the workbench; knows neither the method nor the screens."""
