"""A tiny vision transformer that classifies pictures, with a known answer."""

import json
from pathlib import Path
from typing import Any

LABELS = ("drawings", "hentai", "neutral", "porn", "sexy")
CHANCES = (0.1, 0.2, 0.3, 0.05, 0.35)


def a_classifier(folder: Path, labels: tuple[str, ...] = LABELS, *, blind: bool = True, **options: Any) -> Path:
    """Write a tiny vision transformer. A ``blind`` one gives `CHANCES` to every picture."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(1)
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=16,
        id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)},
    )  # fmt: skip
    model: Any = ViTForImageClassification(config)
    if blind:
        with torch.no_grad():
            model.classifier.weight.zero_()
            model.classifier.bias.copy_(torch.tensor(CHANCES[: len(labels)]).log())
    else:
        model.classifier.weight.data.normal_(0, 1)
    model.save_pretrained(folder, safe_serialization=True)
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 32, "width": 32}} | options))
    return folder
