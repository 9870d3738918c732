"""Plants written as plant packages (contract §1): the sample plant, and ones like those of strangers."""
