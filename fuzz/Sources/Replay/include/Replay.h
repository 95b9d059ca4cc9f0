// The driver without libFuzzer has no interface but main.
