"""The platform's CloudFormation stacks: one concern a stack, one file a stack."""
