"""The report says how its intervals were made, and that few patients make them cautious."""

from synthetic import synthetic_report

from bedside.bundle.report_rows import interval_methods


def test_few_patients_are_said_under_the_table() -> None:
    few = interval_methods(synthetic_report(n_cases=16, n_gallery=1))
    assert any("fewer than 10 patients of a class: conservative" in method for method in few)
    assert any("fewer than 10 independent cases: conservative" in method for method in few)


def test_enough_patients_need_no_note() -> None:
    many = interval_methods(synthetic_report(n_cases=240, n_gallery=1))
    assert many
    assert not [method for method in many if "fewer" in method]
