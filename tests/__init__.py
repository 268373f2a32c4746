"""Tests by kind: unit, contract, e2e, golden, benchmarks."""
