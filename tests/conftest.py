"""What every test session needs: repeatable searches, and a root that is no package of tests whatever its name."""

import os
import pathlib

import pytest
from hypothesis import settings

# A search that differs from run to run finds more in the long term and is red at random in the short one: by default
# every session tries the same examples; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


class _RootIsNoTestPackage:
    """pytest imports a root that holds an ``__init__.py`` under the folder's name, which may shadow a real module."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: pathlib.Path, parent: pytest.Collector) -> pytest.Dir | None:
        return pytest.Dir.from_parent(parent, path=path) if path == parent.config.rootpath else None


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_RootIsNoTestPackage())
