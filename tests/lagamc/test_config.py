"""Settings check themselves."""

import pytest

from lagamc.config import TrainingConfig, recommended_epochs
from lagamc.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"epochs": 0}, "epochs must lie between 1 and 1000, got 0"),
        ({"epochs": 2.5}, r"epochs must be a whole number .* got 2\.5"),
        ({"batch_size": 16.0}, r"batch_size must be a whole number .* got 16\.0"),
        ({"patience": True}, "patience must be a whole number .* got True"),
        ({"seed": "13"}, "seed must be a whole number .* got '13'"),
        ({"lambda_bounds": 3}, "two rising numbers .* got 3"),
        ({"lambda_bounds": ["a", "b"]}, "two rising numbers"),
        ({"learning_rate": 5}, "learning_rate"),
        ({"lambda_bounds": (0.8, 0.2)}, "two rising numbers"),
        ({"initial_lambda": 0.9}, "initial_lambda must lie between 0.2 and 0.8"),
        ({"threshold": float("nan")}, "threshold"),
        ({"initial_lambda": 1.1, "lambda_mode": "fixed"}, "initial_lambda must lie between 0 and 1"),
        ({"lambda_mode": "free"}, "lambda_mode must be one of learned, fixed, one"),
        ({"soft_tokens": "hard"}, "soft_tokens must be one of softmax, straight-through, gumbel"),
        ({"family": "rnn"}, "family must be one of auto, embedded, seq2seq, causal"),
        ({"family": "causal"}, "family must be auto or embedded for the backbone minilm, got 'causal'"),
        ({"accumulation_steps": 17}, "accumulation_steps must lie between 1 and 16"),
        ({"matcher": ""}, "matcher must be trained, frozen, or .* got ''"),
        ({"precision": "int8"}, "precision"),
        ({"backbone": " "}, "backbone must be one of minilm, .* got ' '"),
        ({"backbone": None}, "backbone must be one of minilm, .* got None"),
        ({"device": 0}, "device must be auto, cpu or cuda; got 0"),
        ({"instruction": 3}, "instruction must be a text or null, got 3"),
        ({"separator": ""}, "separator is empty"),
        ({"gradient_checkpointing": 1}, "gradient_checkpointing must be true or false, got 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, found):
    with pytest.raises(ConfigError, match=found):
        TrainingConfig(**settings)


def test_a_name_that_no_file_system_takes_is_refused():
    with pytest.raises(ConfigError, match="Choose a folder or a hub name"):
        TrainingConfig(backbone="a" * 300).resolved_family  # noqa: B018


def test_settings_travel_as_json_and_unknown_ones_are_refused():
    config = TrainingConfig(epochs=3, lambda_bounds=(0.1, 0.9))
    assert TrainingConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ConfigError, match="Unknown settings: epoch"):
        TrainingConfig.from_dict({"epoch": 3})


def test_small_collections_are_read_more_often():
    assert recommended_epochs(10) > recommended_epochs(800) > recommended_epochs(7000) == 3
