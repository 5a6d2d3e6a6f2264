"""Small pure judges, each with one question. Time comes in as `now` seconds, chance as a
`random.Random`."""
