import pandas as pd
import pytest
import torch
from ignite.engine import Events
from judged_slices import case, data
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.transforms import AsDiscreted

from segqc_conformal.adapters.ignite_handler import VerdictHandler
from segqc_conformal.adapters.monai_transform import JudgeSegmentationd
from segqc_conformal.case import Case
from segqc_conformal.errors import InputError

NUMBERS = (101, 102, 103)


def items() -> list[dict]:
    return [data(number, label=torch.zeros(1, 8, 8), patient_id=f"p{number}") for number in NUMBERS]


def evaluator(model, handler, **more) -> SupervisedEvaluator:
    return SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(items()), batch_size=2),
        network=model,
        postprocessing=AsDiscreted("pred", argmax=True),
        val_handlers=[handler],
        **more,
    )


def test_an_evaluation_ends_with_the_tables_of_all_its_cases(judge):
    handler = VerdictHandler(JudgeSegmentationd("image", judge, mask_key="pred"))
    engine = evaluator(judge.predictor.model, handler)
    outputs = []
    engine.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: outputs.extend(engine.state.output)
    )
    for _ in range(2):  # a second run starts anew
        outputs.clear()
        engine.run()
        assert engine.state.verdicts["case_id"].unique().tolist() == ["c101", "c102", "c103"]
    assert len(outputs) == 3
    judged = [
        judge(
            Case(
                case(number, "fused").image,
                f"c{number}",
                f"p{number}",
                mask=output["pred"][0].numpy(),
                spacing_mm=(2.0, 3.0),
            )
        )
        for number, output in zip(NUMBERS, outputs, strict=True)
    ]
    for table, expected in (
        (engine.state.verdicts, [verdict.rows for verdict in judged]),
        (engine.state.features, [verdict.features for verdict in judged]),
    ):
        pd.testing.assert_frame_equal(table, pd.concat(expected, ignore_index=True))
    for output, verdict in zip(outputs, judged, strict=True):
        assert output["image_verdict"]["whole_case"]["reason"] == verdict.reason
        assert {"image", "label", "pred", "image_features"} <= output.keys()


def test_the_evaluation_itself_is_not_changed(judge):
    predictions = []
    for handlers in ([], [VerdictHandler(JudgeSegmentationd("image", judge, mask_key="pred"))]):
        engine = evaluator(judge.predictor.model, handlers[0] if handlers else _Nothing())
        kept = []
        engine.add_event_handler(
            Events.ITERATION_COMPLETED,
            lambda engine, kept=kept: kept.extend(each["pred"] for each in engine.state.output),
        )
        engine.run()
        predictions.append(torch.stack([prediction.as_tensor() for prediction in kept]))
    assert torch.equal(*predictions)


class _Nothing:
    def attach(self, engine):
        pass


def test_an_evaluator_that_does_not_decollate_is_refused(judge):
    handler = VerdictHandler(JudgeSegmentationd("image", judge))
    engine = evaluator(judge.predictor.model, handler, decollate=False)
    with pytest.raises(InputError, match="leave decollate=True"):
        engine.run()
