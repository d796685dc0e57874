"""What is measured, on seeded input, and how: for `edgecore bench` and the suites in bench/."""
