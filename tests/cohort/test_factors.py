"""Risk factors as inputs: what the encoder learns, and from whom."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from jsl_core.cohort import FactorEncoder
from jsl_core.errors import BadTable


def rows(count: int = 60, missing: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "Age": rng.normal(61, 9, count),
            "Sex": rng.choice([1.0, 2.0], count, p=[0.7, 0.3]),
            "Race": rng.choice([0.0, 1, 2, 3], count, p=[0.1, 0.5, 0.3, 0.1]),
            "BMI": rng.normal(28, 5, count),
            "Knee_Injury": rng.choice([0.0, 1], count, p=[0.7, 0.3]),
            "Alignment_degree": rng.normal(-1, 3, count),
            "BL_KL_grade": rng.choice([0.0, 1, 2, 3, 4], count),
        }
    )
    return table.mask(rng.random(table.shape) < missing)


def test_all_factors_are_fourteen_inputs_and_clinical_leaves_out_the_experts() -> None:
    everything, clinical = FactorEncoder.fit(rows(), "all"), FactorEncoder.fit(rows(), "clinical")
    assert len(everything.names) == 14
    assert everything.transform(rows()).shape == (60, 14)
    assert set(everything.names) - set(clinical.names) == {
        "Alignment_degree",
        *(f"BL_KL_grade_{grade}" for grade in range(5)),
    }


def test_imputation_and_scaling_agree_with_scikit_learn() -> None:
    measured = ["Age", "BMI", "Alignment_degree"]
    encoder = FactorEncoder.fit(rows(), "all")
    encoded = pd.DataFrame(encoder.transform(rows()), columns=list(encoder.names))
    filled = SimpleImputer(strategy="median").fit_transform(rows()[measured])
    expected = StandardScaler().fit_transform(filled)
    np.testing.assert_allclose(encoded[measured], expected, rtol=1e-5, atol=1e-5)


def test_other_rows_change_nothing() -> None:
    train = rows()
    later = train.assign(Age=99.0, Sex=2.0, BMI=60.0)
    encoder = FactorEncoder.fit(train)
    encoder.transform(later)
    assert encoder == FactorEncoder.fit(train)
    assert not np.allclose(encoder.transform(train), encoder.transform(later))


def test_a_missing_sex_is_the_commoner_one_not_female() -> None:
    row = rows(1, missing=0).assign(Sex=np.nan)
    for commoner in (1.0, 2.0):
        train = rows(missing=0)
        train["Sex"] = [commoner] * 40 + [3 - commoner] * 20
        encoder = FactorEncoder.fit(train, "clinical")
        unknown, known = encoder.transform(row), encoder.transform(row.assign(Sex=commoner))
        np.testing.assert_array_equal(unknown, known)


def test_unscaled_inputs_are_the_notebooks() -> None:
    knee = rows(1, missing=0).assign(Age=61.0, Sex=2.0, Race=2.0, BL_KL_grade=3.0, BMI=28.0, Knee_Injury=1.0)
    knee["Alignment_degree"] = -1.5
    encoder = FactorEncoder.fit(rows(), "all", scaled=False)
    expected = [61, 1, 28, 1, -1.5, *[0, 0, 1, 0], *[0, 0, 0, 1, 0]]
    np.testing.assert_allclose(encoder.transform(knee)[0], expected)


def test_the_encoder_survives_json() -> None:
    encoder = FactorEncoder.fit(rows())
    assert FactorEncoder.from_json(json.loads(json.dumps(encoder.to_json()))) == encoder


def test_a_column_that_is_all_missing_is_one_clear_line() -> None:
    with pytest.raises(BadTable, match="Alignment_degree is missing for every training knee"):
        FactorEncoder.fit(rows().assign(Alignment_degree=np.nan))
    FactorEncoder.fit(rows().assign(Alignment_degree=np.nan), "clinical")
