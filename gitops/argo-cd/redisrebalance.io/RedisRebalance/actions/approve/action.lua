-- Approves the plan that the status shows, and no other: what is executed is what was seen.
obj.spec.approval = obj.spec.approval or {}
obj.spec.approval.planHash = obj.status.plan.hash
return obj
