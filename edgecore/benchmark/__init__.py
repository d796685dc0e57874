"""What is measured, on seeded input, and how: shared by `edgecore bench` and the suites in bench/."""
