package keys

const (
	goldenWrap    = "ceab64d2b4f00f0ce2f25cfb75c3b21d537c7bfe3607af285ff3777ee61fe95a"
	goldenSeal    = "8b06b7b39c501daee22096fdbf96e7557ac58a87167ef5ac3e535d29b2a43336"
	goldenLookup  = "0b75f19ee6b84ea2c1907d4ec6c9245215f213a203ee9d06e354a888e83ee087"
	goldenSearch  = "2f8a27bbfc8b40026e48fa8ecdc359a6ac06e94e557732a47d30e46527c68a13"
	goldenLearn   = "6dad1e2122ff41a6dbc8943b55e1277ad597767ccc2883a73b9cfc3ae62bf103"
	goldenRefresh = "4adf2d9e96c12f7d208f924e1fd983d223c98e787f03d11964873dc3ff5a23b4"
	goldenDevice  = "b718bab893c4c75da9b8c257ce4da5b1c9a5ba7b1d912c22336b0021c6ffa7ef"

	goldenNameKey     = "ede55354e48104c305bcf4e91320c99756ed22d85fc560311d90d3de9e5af27a"
	goldenSearchToken = "UhunimvOy_uR"
)
