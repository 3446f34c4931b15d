"""Words the results of a check for people, CI and dashboards."""
