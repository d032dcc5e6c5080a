package storage

import "docuvault/shared/host"

// Origins returns the origins (scheme, host and port) that signed URLs lead to
// when it is not the vault's own: what a page's policy has to allow besides
// itself. The list is empty with [SameOrigin].
func Origins(env *host.Env) ([]string, error) {
	cfg, err := host.Config[Config](env)
	if err != nil {
		return nil, err
	}
	address := cfg.PublicEndpoint
	switch {
	case address == SameOrigin:
		return nil, nil
	case address == "":
		address = cfg.Endpoint
	}
	if address != "" {
		base, err := parseBase(address)
		if err != nil {
			return nil, err
		}
		return []string{base.Scheme + "://" + base.Host}, nil
	}
	// AWS names a bucket in the host.
	end := ".s3.dualstack." + cfg.Region + ".amazonaws.com"
	return []string{"https://" + cfg.Bucket + end, "https://" + cfg.DerivedBucket + end}, nil
}
