"""The families that learn from a table alone, the quickest first."""

from llm_core.training.classifiers.bag import BagOfNgramsFamily
from llm_core.training.classifiers.base import Family
from llm_core.training.classifiers.linear import TfidfLogisticRegressionFamily
from llm_core.training.classifiers.majority import MajorityFamily
from llm_core.training.classifiers.network import LSTM, TRANSFORMER
from llm_core.training.classifiers.tree import DecisionTreeFamily

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        MajorityFamily(),
        TfidfLogisticRegressionFamily(),
        DecisionTreeFamily(),
        BagOfNgramsFamily(),
        LSTM,
        TRANSFORMER,
    )
}
