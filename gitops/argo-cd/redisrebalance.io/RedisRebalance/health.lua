-- The health of a RedisRebalance for Argo CD. The conditions decide, as kstatus reads them; status.state only tells what
-- waits for a person (Suspended) from what goes on by itself (Progressing).
local waits = { AwaitingApproval = true, Paused = true, Waiting = true }

local function condition(kind)
  for _, each in ipairs(obj.status.conditions or {}) do
    if each.type == kind and each.status == "True" then
      return each
    end
  end
  return nil
end

local function health(status, message)
  return { status = status, message = message or "" }
end

if obj.status == nil or obj.status.observedGeneration == nil or obj.status.observedGeneration < 0 then
  return health("Progressing", "Waiting for the operator to look at it")
end
if obj.metadata.generation ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "Waiting for the operator to see the change")
end

local stalled = condition("Stalled")
if stalled ~= nil then
  return health("Degraded", stalled.message)
end
local reconciling = condition("Reconciling")
if reconciling ~= nil then
  return health(waits[obj.status.state] and "Suspended" or "Progressing", reconciling.message)
end
local ready = condition("Ready")
if ready ~= nil then
  return health("Healthy", ready.message)
end
return health("Progressing", "Waiting for the operator's verdict")
