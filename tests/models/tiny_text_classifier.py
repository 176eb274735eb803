"""A tiny text classifier of random weights, in the form in which transformers keeps one."""

from pathlib import Path
from typing import Any, cast

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "lamp", "burns", "nude", "girl")
LABELS = ("OK", "S", "S3")
"""The labels of a common moderation model: harmless, sexual, sexual with minors."""


def write_classifier(folder: Path, labels: tuple[str, ...] = LABELS, *, says: int = 0, safe: bool = True) -> Path:
    """Write a classifier that gives nearly all weight to the label at ``says``. Not ``safe``: pickled weights."""
    import torch
    import transformers
    from transformers import BertConfig, BertForSequenceClassification

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    cast("Any", transformers).BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=512,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([6.0 if n == says else 0.0 for n in range(len(labels))]))
    if safe:
        model.save_pretrained(folder, safe_serialization=True)
    else:
        config.save_pretrained(folder)
        torch.save(cast("Any", model).state_dict(), folder / "pytorch_model.bin")
    return folder
