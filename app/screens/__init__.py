"""One file a screen: `build(services, bar)` lays it out and wires it to the services."""
