"""Which job a kind of run has. Imported only where work is done: a job may need torch."""

from llm_core.errors import UserError
from llm_core.runs.job import Job
from llm_core.runs.run import Run


def job_of(run: Run) -> Job:
    """The job of a run's kind. Raises UserError for a run that cannot be worked on."""
    if run.problem is not None:
        raise run.problem
    if run.kind == "train":
        from llm_core.runs.train_job import TrainJob

        return TrainJob(run)
    if run.kind == "head_scores":
        from llm_core.runs.head_scores_job import HeadScoresJob

        return HeadScoresJob(run)
    if run.kind == "race":
        from llm_core.runs.race_job import RaceJob

        return RaceJob(run)
    if run.kind == "classify":
        from llm_core.runs.classify_job import ClassifyJob

        return ClassifyJob(run)
    if run.kind == "data_sizes":
        from llm_core.runs.data_sizes_job import DataSizesJob

        return DataSizesJob(run)
    if run.kind == "pretraining":
        from llm_core.runs.pretraining_job import PretrainingJob

        return PretrainingJob(run)
    if run.kind == "classify_file":
        from llm_core.runs.classify_file_job import ClassifyFileJob

        return ClassifyFileJob(run)
    if run.kind == "inquiry":
        from llm_core.runs.inquiry_job import InquiryJob

        return InquiryJob(run)
    if run.kind == "sweep":
        from llm_core.runs.sweep_job import SweepJob

        return SweepJob(run)
    if run.kind == "range_test":
        from llm_core.runs.range_test_job import RangeTestJob

        return RangeTestJob(run)
    if run.kind == "import":
        raise UserError("The model of run {run} was brought in; there is no training to go on with.", run=run.id)
    raise UserError("Run {run} was made by another version of this program.", run=run.id)
