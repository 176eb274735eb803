"""Libraries for pictures, imported when they are needed."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def libraries(request: pytest.FixtureRequest) -> None:
    """Import the libraries of a module of tests. They take seconds, and every test process collects all modules."""
    if (import_libraries := getattr(request.module, "import_libraries", None)) is not None:
        import_libraries()
