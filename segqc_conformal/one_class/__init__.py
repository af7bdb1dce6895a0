"""How unlike the good cases a case is, with a p-value; scikit-learn loads where one is fitted."""

from segqc_conformal.one_class.calibrated import CalibratedOneClass
from segqc_conformal.one_class.one_class import OneClass

__all__ = ["CalibratedOneClass", "OneClass"]
