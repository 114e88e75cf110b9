"""Pictures of any method over a set of pairs: judged one by one, compared with intervals and tests."""
