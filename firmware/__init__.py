"""The C sources: kernels, runtime and ports, as files of this package."""
