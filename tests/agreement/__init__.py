"""Do the engines describe one machine? Random chips, networks and stimuli; congestion sought on purpose."""
