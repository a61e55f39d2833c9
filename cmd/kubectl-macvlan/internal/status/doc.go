// Package status finds out whether the webhook works in a cluster, with what a user of the
// cluster may see and do: its configurations, the authority that they trust, its replicas,
// and objects that are created as a dry run, so that the API server itself calls it.
//
// Each thing that is looked at is one [Line]. What cannot be found out, for want of a
// permission as a rule, leaves the others alone.
package status
