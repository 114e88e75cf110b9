"""Loads the benchmarks' options early, so that pytest knows them wherever it is started."""

pytest_plugins = ("benchmarks.plugin",)
