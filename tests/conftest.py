"""What every test session needs: the repository's root is no package of tests, whatever the clone's folder is called."""

import pathlib

import pytest


class _RootIsNoTestPackage:
    """pytest imports a root that holds an ``__init__.py`` under the folder's name, which may shadow a real module."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: pathlib.Path, parent: pytest.Collector) -> pytest.Dir | None:
        return pytest.Dir.from_parent(parent, path=path) if path == parent.config.rootpath else None


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_RootIsNoTestPackage())
