"""How a verdict is shown: on a terminal, as JSON, as JUnit XML and as one HTML page. None of them judges anything."""
