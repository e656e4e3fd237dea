"""A vision-language model of one's own as the eye of PPD, on a tiny one built in code."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from engine.data import WrongSpace
from engine.encoders.vlm import VisionLanguage
from engine.preference import ppd
from engine.preference.base import Prior

hf: Any = transformers


def tokenizer() -> Any:
    known = ["<pad>", "<image>", "?", *"Describe how this picture is drawn .".split()]
    words = {w: k for k, w in enumerate(known)}
    made = Tokenizer(models.WordLevel(words, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", unk_token="?",
        extra_special_tokens={"image_token": "<image>"}, additional_special_tokens=["<image>"],
    )  # fmt: skip


def tiny() -> tuple[Any, Any]:
    import torch

    torch.manual_seed(0)
    vision = hf.CLIPVisionConfig(hidden_size=16, intermediate_size=24, num_hidden_layers=2,
                                 num_attention_heads=2, image_size=28, patch_size=14)  # fmt: skip
    text = hf.LlamaConfig(vocab_size=16, hidden_size=24, intermediate_size=32,
                          num_hidden_layers=4, num_attention_heads=2, num_key_value_heads=2,
                          pad_token_id=0)  # fmt: skip
    config = hf.LlavaConfig(vision_config=vision, text_config=text, image_token_index=1)
    model = hf.LlavaForConditionalGeneration(config).eval()
    size = {"height": 28, "width": 28}
    images = hf.CLIPImageProcessor(size={"shortest_edge": 28}, crop_size=size)
    processor = hf.LlavaProcessor(images, tokenizer(), patch_size=14, image_token="<image>",
                                  vision_feature_select_strategy="default",
                                  num_additional_image_tokens=1)  # fmt: skip
    return model, processor


def pictures() -> list[Any]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)) for _ in range(6)]


@pytest.fixture(scope="module")
def eye() -> VisionLanguage:
    return VisionLanguage.of(*tiny(), "tiny")


def test_vectors_are_of_unit_length_and_do_not_depend_on_the_batch(eye: VisionLanguage) -> None:
    seen = eye.encode(pictures())
    assert seen.shape == (6, 24) and np.allclose(np.linalg.norm(seen, axis=1), 1, atol=1e-5)
    alone = eye.encode(pictures()[3:4])
    assert np.allclose(alone[0], seen[3], atol=1e-5)
    assert not np.allclose(seen[0], seen[1], atol=1e-4), "the pictures are looked at"
    assert eye.layer == 2 and eye.space.startswith("tiny-") and eye.space.endswith(":layer2")


def test_four_pairs_become_a_persons_vector_in_its_space(eye: VisionLanguage) -> None:
    seen = eye.encode(pictures())
    prior = Prior(eye.space, np.zeros(24), np.full(24, 4.0))
    u = ppd.from_pairs(seen[:3], seen[3:], prior, eye.space)
    assert ((seen[:3] - seen[3:]) @ u).sum() > 0
    with pytest.raises(WrongSpace):
        ppd.from_pairs(seen[:3], seen[3:], prior, "starter:picture")


def test_a_folder_round_trip_and_bad_folders(eye: VisionLanguage, tmp_path: Path) -> None:
    eye.model.save_pretrained(tmp_path / "tiny")
    eye.processor.save_pretrained(tmp_path / "tiny")
    again = VisionLanguage.load(str(tmp_path / "tiny"), cpu=True)
    assert again.space == eye.space
    assert np.allclose(again.encode(pictures()[:2]), eye.encode(pictures()[:2]), atol=1e-5)
    with pytest.raises(ValueError, match="holds no model"):
        VisionLanguage.load(str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="layer 9"):
        VisionLanguage.of(eye.model, eye.processor, "tiny", 9)
    (tmp_path / "tiny" / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ValueError, match="no vision-language model"):
        VisionLanguage.load(str(tmp_path / "tiny"))
