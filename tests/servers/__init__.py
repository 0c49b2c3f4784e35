"""Real servers and outside judges for the tests: which, how a machine gets them, how a test is handed one."""
