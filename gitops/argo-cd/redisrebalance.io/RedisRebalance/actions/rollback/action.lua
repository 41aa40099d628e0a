-- Takes every slot back to where it was before the first one moved, also after the end.
obj.spec.execution = "RollBack"
return obj
