package controlplane

import "path/filepath"

// auditPolicy leaves out the stage at which a request has merely arrived: its
// entry would say nothing that the final one does not.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// AuditLog returns the path of the audit log, one audit.k8s.io/v1 Event in JSON
// a line, written before the request is answered. It is "" unless Options.Audit
// was set.
func (c *ControlPlane) AuditLog() string {
	if !c.audit {
		return ""
	}
	return filepath.Join(c.dir, "audit.log")
}
